/** What runs on this machine, by /proc. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The processes whose working directory is inside this folder: that is how masters of ssh are found. */
export function inside(folder: string): number[] {
  const numbers = readdirSync("/proc").map(Number).filter(Boolean);
  return numbers.filter((pid) => workingDirectory(pid).startsWith(`${folder}/`));
}

/** The children of a process, zombies among them. */
export function childrenOf(parent: number): number[] {
  const numbers = readdirSync("/proc").map(Number).filter(Boolean);
  return numbers.filter((pid) => Number(statOf(pid)[1]) === parent);
}

/** The children of a process, and theirs. */
export function descendantsOf(parent: number): number[] {
  return childrenOf(parent).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** CPU time of a process and of its children that have ended and were waited for, in milliseconds. */
export function cpuWithChildren(pid: number): number {
  // utime, stime, cutime, cstime; the system counts 100 ticks a second for every program.
  const ticks = statOf(pid).slice(11, 15).map(Number);
  return ticks.reduce((sum, each) => sum + each, 0) * 10;
}

/** How long a process has had a processor or waited for one, in milliseconds: its first thread alone; 0: it has ended. */
export function occupied(pid: number): number {
  const [ran = 0, queued = 0] = read(pid, "schedstat").split(" ").map(Number);
  return (ran + queued) / 1e6;
}

/** The fields of /proc/PID/stat (proc(5)) behind the name: state, parent, ...; none: it has ended. */
function statOf(pid: number): string[] {
  return read(pid, "stat")
    .replace(/^.*\) /s, "")
    .split(" ");
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
