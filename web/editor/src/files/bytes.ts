const UNITS = ['kilobyte', 'megabyte', 'gigabyte'] as const

/** A size as a person reads it: `8.5 kB`. */
export function bytesText(bytes: number, language: string): string {
  const step = bytes < 1e6 ? 0 : bytes < 1e9 ? 1 : 2
  return new Intl.NumberFormat(language, { style: 'unit', unit: UNITS[step], maximumFractionDigits: 1 }).format(bytes / 1000 ** (step + 1))
}
