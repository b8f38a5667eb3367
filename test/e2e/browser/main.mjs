// A browser with nothing of Tapri in it: opens one sandboxed window on a URL.
import { app, BrowserWindow } from 'electron'

const [data, url] = process.argv.slice(-2)
app.setPath('userData', data)
await app.whenReady()
const window = new BrowserWindow({ width: 1080, height: 760, webPreferences: { sandbox: true } })
await window.loadURL(url)
