/** Which version of the app this is. The second one is made of the first by the harness: see chaos/versions.ts. */
export const version: number = 1
