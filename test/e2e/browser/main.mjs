// A browser with nothing of Tapri in it: opens one sandboxed window on a URL.
import { app, BrowserWindow } from 'electron'

const [data, url] = process.argv.slice(-2)
app.setPath('userData', data)
// Not awaited: Electron holds back `ready` until this module has been evaluated.
void app.whenReady().then(() => {
  const window = new BrowserWindow({ width: 1080, height: 760, webPreferences: { sandbox: true } })
  return window.loadURL(url)
})
