/** Whether a file can be shown, and the server can make it smaller. */
export function isPicture(name: string): boolean {
  return /\.(png|jpe?g|webp|gif|bmp)$/i.test(name)
}
