import { encode } from 'uqr'

/** A QR code as one path of an SVG: `size` modules wide, with the quiet zone that readers need. */
export interface QrCode {
  size: number
  path: string
}

/** undefined: the text is too long for a QR code. */
export function qrCode(text: string): QrCode | undefined {
  try {
    const { data, size } = encode(text, { ecc: 'L', border: 4 })
    const bars: string[] = []
    data.forEach((row, y) => {
      for (let x = 0; x < size; x++) {
        if (!row[x]) continue
        const from = x
        while (row[x + 1]) x++
        bars.push(`M${from} ${y}h${x - from + 1}v1h-${x - from + 1}z`)
      }
    })
    return { size, path: bars.join('') }
  } catch {
    return undefined
  }
}
