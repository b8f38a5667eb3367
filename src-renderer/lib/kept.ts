/** Small settings that outlive the window, for anybody to read. A browser that forbids storage simply forgets them. */
export function readKept(name: string): string | null {
  try {
    return localStorage.getItem(`tapri.${name}`)
  } catch {
    return null
  }
}

/** Keeps a setting; an empty value removes it. */
export function keep(name: string, value: string): void {
  try {
    if (value === '') localStorage.removeItem(`tapri.${name}`)
    else localStorage.setItem(`tapri.${name}`, value)
  } catch {
    // The value stays in memory for this window.
  }
}

/** Forgets every setting whose name starts like this. */
export function forgetKept(start: string): void {
  try {
    for (const key of Object.keys(localStorage))
      if (key.startsWith(`tapri.${start}`)) localStorage.removeItem(key)
  } catch {
    // Then nothing was kept.
  }
}
