import type { OutputAbout, ValueAbout, View } from '../server/types'
import { t } from './texts'
import { bytesText, jsonText, short } from './written'

interface Props {
  about: ValueAbout
  output: OutputAbout
  view: View
}

const MEASURES = ['min', 'max', 'mean', 'std'] as const

/** How a value was made, what it is, the arrays in it, and what its view shows. */
export function Facts({ about, output, view }: Props) {
  const say = t()
  const facts: [string, string][] = [
    [say('madeBy'), `${about.label} (${about.node})`],
    [say('type'), output.type],
    ...(about.seconds != null ? [[say('seconds'), short(Number(about.seconds))] as [string, string]] : []),
    ...(about.bytes != null ? [[say('bytes'), bytesText(Number(about.bytes))] as [string, string]] : []),
    ...Object.entries(output.summary).map(([name, value]) => [name, jsonText(value)] as [string, string]),
    [say('key'), about.key],
  ]
  const parts = Object.entries(output.parts)
  return (
    <details className="look-facts">
      <summary>{say('facts')}</summary>
      <p>{view.help}</p>
      <table className="look-table">
        <tbody>
          {facts.map(([name, value], place) => <tr key={place}><th scope="row">{name}</th><td className="look-long">{value}</td></tr>)}
          {Object.entries(view.params).filter(([, schema]) => schema.description).map(([name, schema]) => (
            <tr key={`param ${name}`}><th scope="row">{name.replaceAll('_', ' ')}</th><td className="soft">{schema.description}</td></tr>
          ))}
        </tbody>
      </table>
      {parts.length > 0 && (
        <div className="look-scroll" tabIndex={0} role="group" aria-label={say('facts')}>
          <table className="look-table">
            <thead>
              <tr>
                {(['part', 'shape', 'dtype'] as const).map((head) => <th key={head} scope="col">{say(head)}</th>)}
                {MEASURES.map((head) => <th key={head} scope="col" className="look-right">{say(head)}</th>)}
              </tr>
            </thead>
            <tbody>
              {parts.map(([name, part]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="look-line">{part.shape.map(Number).join(' × ')}</td>
                  <td>{part.dtype}</td>
                  {MEASURES.map((measure) => <td key={measure} className="look-right">{jsonText(part[measure])}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}
