/** The shape of the code: which folder may import which, and what the core must not know. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const sources = globSync(['src-main/**/*.ts', 'src-renderer/**/*.{ts,svelte}'], { cwd: ROOT }).sort()

/** folder -> folders it may import besides itself. The two entries may import everything of src-main. */
const ARROWS: Record<string, string[]> = {
  'src-main/api': [],
  'src-main/core': ['src-main/api'],
  'src-main/storage': ['src-main/api', 'src-main/core'],
  'src-main/crypto': ['src-main/api', 'src-main/core'],
  'src-main/network': ['src-main/api', 'src-main/core'],
  'src-main/messenger': [
    'src-main/api',
    'src-main/core',
    'src-main/storage',
    'src-main/crypto',
    'src-main/network',
  ],
  'src-main/shell': ['src-main/api'],
  'src-main': ['src-main/api', 'src-main/messenger', 'src-main/shell'],
  'src-renderer': ['src-main/api'],
}

/** package -> where it may be imported. */
const OWNERS: [name: RegExp, where: RegExp][] = [
  [/^electron$/, /^src-main\/(index\.ts|shell\/electron\/)/],
  [/^(libp2p|@libp2p\/.*|@chainsafe\/.*|@multiformats\/.*|uint8.*)$/, /^src-main\/network\/libp2p\//],
  [/^(level|classic-level|abstract-level)$/, /^src-main\/storage\/level\.ts$/],
  [/^sodium-native$/, /^src-main\/crypto\/sodium\.ts$/],
  [/^@scure\/bip39/, /^src-main\/crypto\/phrase\.ts$/],
  [/^ws$/, /^src-main\/shell\/websocket\.ts$/],
  [/^cborg$/, /^src-main\/messenger\/content\.ts$/],
  [/^birpc$/, /^src-main\/api\/rpc\.ts$/],
  [/^(svelte|virtua|intl-messageformat|uqr)(\/.*)?$/, /^src-renderer\//],
  [/^node:/, /^src-main\/(?!core\/|api\/)/],
]

const folderOf = (file: string) =>
  Object.keys(ARROWS)
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0]!

const importsOf = (file: string) =>
  [...read(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(([, name]) => name!)

test('the arrows between folders point one way', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(ROOT, join(ROOT, dirname(file), name)))
      .filter((target) => {
        const [from, to] = [folderOf(file), folderOf(target)]
        return from !== to && !ARROWS[from]!.includes(to)
      })
      .map((target) => `${file} -> ${target}`),
  )
  expect(wrong).toEqual([])
})

test('the implementations of an interface do not import each other', () => {
  const wrong = sources
    .filter((file) => /^src-main\/(storage|network|crypto)\//.test(file))
    .flatMap((file) => importsOf(file).map((name) => [file, name] as const))
    .filter(
      ([file, name]) => /memory\.ts$/.test(name) || (/memory\.ts$/.test(file) && /level|libp2p/.test(name)),
    )
  expect(wrong).toEqual([])
})

test('a package is known in one place only', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => OWNERS.some(([owned, where]) => owned.test(name) && !where.test(file)))
      .map((name) => `${file} -> ${name}`),
  )
  expect(wrong).toEqual([])
})

test('the core knows no clock, randomness, timer or I/O', () => {
  const forbidden =
    /\b(Date\.now|new Date|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process\.|console\.|crypto\.)/
  const wrong = sources
    .filter((file) => file.startsWith('src-main/core/'))
    .filter((file) => forbidden.test(read(file)) || importsOf(file).some((name) => !name.startsWith('.')))
  expect(wrong).toEqual([])
})

test('no file is called utils, helpers, manager or common', () => {
  expect(sources.filter((file) => /\b(utils?|helpers?|manager|common|misc)\b/i.test(file))).toEqual([])
})

test('the window builds no HTML from text', () => {
  const wrong = sources.filter((file) =>
    /\{@html|innerHTML|insertAdjacentHTML|document\.write/.test(read(file)),
  )
  expect(wrong).toEqual([])
})

test('every direct dependency has its reason in ARCHITECTURE.md', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
  const architecture = read('ARCHITECTURE.md')
  const names = Object.keys({ ...dependencies, ...devDependencies })
  expect(names.filter((name) => !architecture.includes(`\`${name}\``))).toEqual([])
})

test('dependencies are pinned to exact versions', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^(\d+\.\d+\.\d+|file:.*)$/.test(version),
  )
  expect(loose).toEqual([])
})

test('the tests run on the Node that the project brings along', () => {
  const { optionalDependencies } = JSON.parse(read('tools/node-runtime/package.json')) as Record<
    string,
    Record<string, string>
  >
  const brought = optionalDependencies![`node-${process.platform}-${process.arch}`]
  if (brought) expect(process.versions.node).toBe(brought)
  else expect(Number(process.versions.node.split('.')[0])).toBeGreaterThanOrEqual(22)
})

test('every limit has a test that names it', () => {
  const names = [...read('src-main/core/limits.ts').matchAll(/^export const (\w+)/gm)].map(
    ([, name]) => name!,
  )
  const tests = globSync('test/**/*.ts', {
    cwd: ROOT,
    exclude: ['test/structure.test.ts', '**/node_modules/**'],
  })
  const text = tests.map(read).join('\n')
  expect(names.length).toBeGreaterThan(20)
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([])
})
