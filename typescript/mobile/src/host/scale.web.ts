/** The size that the user wants text to have: a browser has it as the size of the root's text. */
export function textScale(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
}
