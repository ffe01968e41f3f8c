/**
 * How many descriptors the process has open, and may have. The HTTP thread counts them: with ten thousand sessions that
 * takes some milliseconds.
 */

import { readdirSync } from "node:fs";
import { descriptorBound } from "../process/descriptor";
import type { ProcessName } from "./families";

/** The names of what is counted here. */
export type DescriptorName = Extract<ProcessName, "openFiles" | "maxFiles">;

/** Both numbers; 0 where the system does not tell. */
export function descriptors(): Record<DescriptorName, number> {
  try {
    return { openFiles: readdirSync("/proc/self/fd").length - 1, maxFiles: descriptorBound() ?? 0 };
  } catch {
    return { openFiles: 0, maxFiles: 0 };
  }
}
