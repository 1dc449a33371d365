import type { Attack } from "../cell.ts";
import { byteAttacks } from "./bytes.ts";
import { evidenceAttacks } from "./evidence.ts";
import { graphAttacks } from "./graph.ts";
import { lockAttacks } from "./lock.ts";
import { momentAttacks } from "./moments.ts";
import { projectCodeAttacks } from "./project-code.ts";
import { pythonAttacks } from "./python.ts";
import { sealAttacks } from "./seals.ts";
import { settingsAttacks } from "./settings.ts";

/** Attacks by chapter, in the order of the table. */
export const chapters: readonly { title: string; attacks: readonly Attack[] }[] = [
  { title: "The lockfile, doctored", attacks: lockAttacks },
  { title: "Packages that nobody asked for", attacks: graphAttacks },
  { title: "Seals", attacks: sealAttacks },
  { title: "uv.lock, doctored", attacks: pythonAttacks },
  { title: "Evidence", attacks: evidenceAttacks },
  { title: "Bytes, new dependencies and commands without a lockfile", attacks: byteAttacks },
  { title: "Settings, hooks and policy", attacks: settingsAttacks },
  { title: "Code of the project", attacks: projectCodeAttacks },
  { title: "Moments and caches", attacks: momentAttacks },
];

export const attacks: readonly Attack[] = chapters.flatMap((chapter) => chapter.attacks);
