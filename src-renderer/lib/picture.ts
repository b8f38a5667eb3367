/** Side of a picture of a person or group, in pixels. */
export const PICTURE_PX = 128
/** Of the data URL, which is a third larger than the picture in it. */
export const MAX_PICTURE_CHARACTERS = 24_000

const QUALITIES = [0.9, 0.8, 0.65, 0.5, 0.35, 0.2]

/** What a drawing is encoded by; a test passes a fake one. */
export type Encode = (type: string, quality: number) => string

/**
 * The best encoding that is small enough, as a data URL; undefined when there is none. A browser that cannot write a type
 * writes PNG instead.
 */
export function encodeSmall(encode: Encode): string | undefined {
  for (const type of ['image/webp', 'image/jpeg'])
    for (const quality of QUALITIES) {
      const data = encode(type, quality)
      if (data.startsWith(`data:${type};`) && data.length <= MAX_PICTURE_CHARACTERS) return data
    }
  return undefined
}

/** Reads a picture file, cuts out the square in its middle and makes it small. undefined: it cannot be read here. */
export async function readPicture(file: Blob): Promise<string | undefined> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    return undefined
  }
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = PICTURE_PX
  const context = canvas.getContext('2d')
  if (context === null) return undefined
  const side = Math.min(bitmap.width, bitmap.height)
  // JPEG has no transparency.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, PICTURE_PX, PICTURE_PX)
  context.imageSmoothingQuality = 'high'
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2]
  context.drawImage(bitmap, left, top, side, side, 0, 0, PICTURE_PX, PICTURE_PX)
  bitmap.close()
  return encodeSmall((type, quality) => canvas.toDataURL(type, quality))
}

/** Whether a text is a picture that may be shown: what others sent is not trusted. */
export function isPicture(data: string): boolean {
  return /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/.test(data)
}
