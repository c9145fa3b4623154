export function normalised(output: string): string
export function captured(page: string, command: string): { text: string; replacedBy(output: string): string }
