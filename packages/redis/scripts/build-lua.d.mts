export function readScripts(): { name: string; pieces: string[] }[]
export function renderScripts(): string
