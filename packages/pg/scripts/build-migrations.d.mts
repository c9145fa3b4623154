export function renderMigrations(): string
