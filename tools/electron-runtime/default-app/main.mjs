// Own few-line stand-in for Electron's default_app: `electron [-r module] <dir|file> [args]`.
// ESM with top-level await on purpose: Electron holds back `ready` until the entry module has been evaluated.
import { app } from 'electron'
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(path.join(process.cwd(), 'noop.js'))
const modules = []
let given
for (let i = 1; i < process.argv.length; i++) {
  const a = process.argv[i]
  if (a === '--version' || a === '-v') {
    console.log('v' + process.versions.electron)
    process.exit(0)
  }
  if (a === '-r' || a === '--require') modules.push(process.argv[++i])
  else if (a.startsWith('--require=')) modules.push(a.slice(10))
  else if (!a.startsWith('-')) {
    given = a
    break
  }
}
if (!given) {
  console.error('usage: electron [-r module] <app dir or file> [args]')
  process.exit(1)
}
const target = path.resolve(given)
let entry = target
if (fs.statSync(target).isDirectory()) {
  const pj = JSON.parse(fs.readFileSync(path.join(target, 'package.json'), 'utf8'))
  if (pj.productName || pj.name) app.setName(pj.productName || pj.name)
  if (pj.version) app.setVersion(pj.version)
  if (pj.desktopName) app.setDesktopName(pj.desktopName)
  app.setAppPath(target)
  entry = require.resolve(path.join(target, pj.main || 'index.js'))
} else app.setAppPath(path.dirname(target))
if (!app.commandLine.hasSwitch('user-data-dir'))
  app.setPath('userData', path.join(app.getPath('appData'), app.getName()))
for (const m of modules) require(m)
await import(pathToFileURL(entry).href)
