/** Commands whose names are taken: a later version brings them, this one refuses them instead of misreading them. */
export const laterCommands: readonly string[] = ["accept", "attest", "coverage", "except", "pin"];

export const laterFormats: readonly string[] = ["sarif", "junit", "github"];
