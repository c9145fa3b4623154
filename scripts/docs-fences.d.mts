export function pages(): string[]
export function checkPage(page: string, text: string): { text: string; problems: string[] }
