/** What a window needs from the system besides Electron: told to people, installed for tests on Debian as root. */
import { spawnSync } from 'node:child_process'

/** For a window on a desktop that has a display. */
export const WINDOW_PACKAGES = ['libgtk-3-0', 'libnss3', 'libgbm1', 'libasound2']
/** For tests: a display of their own, letters for every script in them, and network namespaces. */
export const TEST_PACKAGES = [
  ...WINDOW_PACKAGES,
  'xvfb',
  'xauth',
  'fonts-dejavu-core',
  'fonts-noto-core',
  'fonts-noto-color-emoji',
  'iproute2',
]
const INSTALL_TIMEOUT_MS = 600_000
/** Newer Debian and Ubuntu have these under another name. */
const RENAMED: Record<string, string> = { 'libgtk-3-0': 'libgtk-3-0t64', libasound2: 'libasound2t64' }

/** One line that installs them. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get install --no-install-recommends ${packages.join(' ')}`
}

/** Those that are not installed, under the name they have here; undefined when this is not a Debian. */
export function missingPackages(packages: readonly string[]): string[] | undefined {
  if (process.platform !== 'linux' || !succeeds('dpkg-query', ['--version'])) return undefined
  return packages.flatMap((name) => {
    const names = [name, RENAMED[name]].filter((candidate) => candidate !== undefined)
    if (names.some(isInstalled)) return []
    return [names.find((candidate) => succeeds('apt-cache', ['show', candidate])) ?? name]
  })
}

/** Installs packages as root; returns what went wrong. */
export function installPackages(packages: readonly string[]): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = { encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS, env } as const
  spawnSync('apt-get', ['update', '-q'], options)
  const args = ['install', '-y', '-q', '--no-install-recommends', ...packages]
  const { status, stderr } = spawnSync('apt-get', args, options)
  return status === 0 ? undefined : stderr
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' })
  return stdout === 'install ok installed'
}

function succeeds(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
