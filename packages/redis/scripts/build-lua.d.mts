export function renderScripts(): string
