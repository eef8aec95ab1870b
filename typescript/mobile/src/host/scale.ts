/** The size that the user wants text to have. A device scales text by itself. */
export function textScale(): number {
  return 1;
}
