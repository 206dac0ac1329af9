import { graph, workflow, catalogue } from '../state/document'
import { split } from '../state/plan'
import { socketsOf, type Link } from '../workflow/graph'
import { whyNot } from '../workflow/connect'
import { typeOf } from '../workflow/kinds'
import { allPaths, carriedNames, nodeAt } from '../workflow/scopes'
import { isRepeat, type Path } from '../workflow/types'

/** One end of a wire. */
export interface End {
  path: Path
  socket: string
}

/** A socket in a word; what a loop gives its body at every step is told from what it gives in the end. */
export function called({ socket }: End): string {
  const name = split(socket)[1]
  return /^item:[^#]/.test(socket) ? `${name}[…]` : name
}

/** The sockets of a node that give something. */
export function sourcesOf(path: Path): End[] {
  return [...graph().kinds.keys()].filter((name) => name.startsWith(`${path}|`)).map((name) => ({ path, socket: name.slice(path.length + 1) }))
}

/** The sockets of a node that read something. */
export function targetsOf(path: Path): End[] {
  const node = nodeAt(workflow(), path)
  if (!node) return []
  if (isRepeat(node)) return [...['in:from', 'in:to'], ...carriedNames(node).flatMap((name) => [`in:carry.${name}`, `in:next.${name}`]), 'in:+'].map((socket) => ({ path, socket }))
  return socketsOf(node, typeOf(catalogue(), node)).inputs.map(({ id }) => ({ path, socket: id }))
}

/** What a wire that begins here may lead to. */
export function targetsFor(from: End): End[] {
  return allPaths(workflow()).flatMap(targetsOf).filter((to) => whyNot(workflow(), catalogue(), link(from, to)) === null)
}

/** Where a wire that ends here may come from. */
export function sourcesFor(to: End): End[] {
  return ['#inputs', ...allPaths(workflow())].flatMap(sourcesOf).filter((from) => whyNot(workflow(), catalogue(), link(from, to)) === null)
}

export function link(from: End, to: End): Link {
  return { from: from.path, output: from.socket, to: to.path, input: to.socket }
}
