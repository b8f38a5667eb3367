/** Lets the person save a text as a file, where and how the shell asks for it. */
export function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The download reads it a little later.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
