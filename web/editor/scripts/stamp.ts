import type { Plugin } from 'vite'

/** What the bundle is made of; of folders, all that lies in them. `tests/web/test_bundle.py` reads the same. */
const SOURCES = ['index.html', 'package-lock.json', 'package.json', 'public', 'src', 'tsconfig.json', 'vite.config.ts']
const OMITTED = /\.test\.tsx?$|\/fixtures\//

type Files = {
  readdir: (path: string, options: { withFileTypes: true }) => Promise<{ name: string; isDirectory: () => boolean }[]>
  readFile: (path: string) => Promise<Uint8Array>
}

/**
 * Writes `stamp.txt`: a digest of the sources, by which a test without Node.js sees whether the bundle is made of them.
 * It is the SHA-256 of what `sha256sum` prints of the files in the order of their paths, with Unix's ends of lines.
 */
export function stamp(): Plugin {
  let root = ''
  return {
    name: 'stamp',
    apply: 'build',
    configResolved(config) {
      root = config.root
    },
    async generateBundle() {
      const paths = (await below(this.fs, root, '')).filter((path) => !OMITTED.test(path)).sort()
      const lines = paths.map(async (path) => `${await digest(withUnixLines(await this.fs.readFile(`${root}/${path}`)))}  ${path}\n`)
      const list = new TextEncoder().encode((await Promise.all(lines)).join(''))
      this.emitFile({ type: 'asset', fileName: 'stamp.txt', source: `${await digest(list)}\n` })
    },
  }
}

/** Every file below a folder, by its path from the root; of the root, the sources only. */
async function below(files: Files, root: string, folder: string): Promise<string[]> {
  const entries = await files.readdir(`${root}/${folder}`, { withFileTypes: true })
  const chosen = folder === '' ? entries.filter((entry) => SOURCES.includes(entry.name)) : entries
  const found = chosen.map((entry) => (entry.isDirectory() ? below(files, root, `${folder}${entry.name}/`) : [`${folder}${entry.name}`]))
  return (await Promise.all(found)).flat()
}

function withUnixLines(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes.filter((byte, at) => byte !== 13 || bytes[at + 1] !== 10))
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
