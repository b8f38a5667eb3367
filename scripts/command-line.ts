/** What the scripts with options have in common: --help, sentences for the person who typed it, exit codes. */

/** Something the person can put right; a sentence. */
export class InputError extends Error {}

/** The command was not typed right; a sentence. */
export class UsageError extends InputError {}

/**
 * Runs main and exits with what it returns; 0 with the usage for --help; 2 when it fails, for an InputError with its
 * sentence alone.
 */
export async function runCommand(usage: string, main: (args: string[]) => Promise<number>): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help')) return console.log(usage)
  try {
    process.exitCode = await main(args)
  } catch (error) {
    console.error(error instanceof InputError ? error.message : error)
    if (error instanceof UsageError) console.error('--help shows what there is.')
    process.exitCode = 2
  }
}

/** A whole number of the command line. Fails with UsageError. */
export function whole(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`${option} must be a whole number from ${min} to ${max}.`)
}
