/**
 * What a file descriptor is, told by looking at it, and standard streams that nobody can hurt the client with.
 *
 * Loads nothing but node:fs, since this is the first act of main: whatever fails later must fail in silence.
 * A peer's address tells a connection. What has none the system's tables of sockets tell, on Linux: they are slow, 8 ms
 * on a machine with room for many connections. Of the table of TCP only the beginning is read, where the listeners are:
 * all of it took 26 ms with 20,000 connections in TIME_WAIT.
 */

import { closeSync, fstatSync, openSync, readFileSync, readSync, type Stats } from "node:fs";

/**
 * - connection: a TCP connection, also one whose client is gone already
 * - listener: a socket that accepts, of TCP or in the file system
 * - pipe: a pipe, or a stream socket without a network; octets in, octets out
 */
export type DescriptorKind = "connection" | "listener" | "pipe" | "terminal" | "other";

/** States of a table of TCP: TCP_LISTEN, and the column's name in the first line. */
const LISTENING = "0A";
const HEADING = "st";

/** The last standard stream; libuv never closes one. */
const STDERR = 2;

/** A unix socket's flag __SO_ACCEPTCON, and its type SOCK_STREAM. */
const ACCEPTS = 0x10000;
const STREAM = "0001";

/** What a descriptor is. Where the system has no tables to look at, any socket is taken for a connection. */
export function kindOf(fd: number): DescriptorKind {
  const stats = look(fd);
  if (stats?.isFIFO()) return "pipe";
  if (stats?.isSocket()) return fd <= STDERR && hasPeer(fd) ? "connection" : kindOfSocket(String(stats.ino));
  return stats?.isCharacterDevice() && isTerminal(fd) ? "terminal" : "other";
}

/** Whether this is a socket of any kind: octets go in and out. */
export function isSocket(fd: number): boolean {
  return look(fd)?.isSocket() ?? false;
}

/** Whether two descriptors mean the same socket or file. */
export function isSameDescriptor(one: number, other: number): boolean {
  const [a, b] = [look(one), look(other)];
  return a !== null && b !== null && a.dev === b.dev && a.ino === b.ino;
}

/**
 * Under a superserver descriptors 0, 1 and 2 are one socket: whatever is written to 1 or 2 (a warning, a stack) would
 * be said to the client. Those that are the same socket as 0 are pointed at /dev/null.
 *
 * A socket without a network that is 0 and 1, but not 2, is left alone: so does sshd run a command for a person, who
 * may want to read what --help says. Nobody else writes there.
 *
 * @returns whether descriptor 2 was the client
 */
export function safeStandardStreams(): boolean {
  if (!isSocket(0)) return false;
  const spoken = isSameDescriptor(1, 0);
  const told = isSameDescriptor(2, 0);
  if (told) vacate(2);
  if (spoken && (told || kindOf(0) !== "pipe")) vacate(1);
  return told;
}

/**
 * Closes a standard stream, which libuv never does, and puts /dev/null in its place: a number that is free would go to
 * the next socket, and libuv would not close that one either.
 */
export function vacate(fd: 0 | 1 | 2): void {
  closeSync(fd);
  openSync("/dev/null", fd === 0 ? "r" : "w");
}

/** How many descriptors this process may have open; null where the system does not tell. */
export function descriptorBound(): number | null {
  try {
    const bound = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return bound === undefined ? null : Number(bound);
  } catch {
    return null;
  }
}

function look(fd: number): Stats | null {
  try {
    return fstatSync(fd);
  } catch {
    return null;
  }
}

/** Loaded only where there may be a terminal. */
function isTerminal(fd: number): boolean {
  return (require("node:tty") as typeof import("node:tty")).isatty(fd);
}

/**
 * Whether the system knows a peer with an address. Only for standard streams: Node asks through a handle, with which it
 * would close any other descriptor.
 */
function hasPeer(fd: number): boolean {
  const { Socket } = require("node:net") as typeof import("node:net");
  try {
    const handle = new Socket({ fd, readable: false, writable: false });
    const known = handle.remoteAddress !== undefined;
    handle.destroy();
    return known;
  } catch {
    return false; // no stream: datagrams
  }
}

function kindOfSocket(inode: string): DescriptorKind {
  if (listens("tcp", inode) || listens("tcp6", inode)) return "listener";
  const unix = new RegExp(`^[0-9a-f]+: \\w+ \\w+ (\\w+) (\\w+) \\w+ +${inode}(?: |$)`, "m").exec(table("unix"));
  if (unix?.[2] === STREAM) return Number.parseInt(unix[1] as string, 16) & ACCEPTS ? "listener" : "pipe";
  if (unix) return "other";
  // A connection that was reset is in no table any more, so it is what is left when all else is excluded.
  const datagrams = `${table("udp")}\n${table("udp6")}`.split("\n");
  return datagrams.some((line) => row(line).owner === inode) ? "other" : "connection";
}

/** Whether a table of TCP has this socket as a listening one. They come before all others. */
function listens(name: string, inode: string): boolean {
  const page = Buffer.alloc(4096);
  const fd = opened(`/proc/self/net/${name}`);
  if (fd === null) return false;
  try {
    let rest = "";
    for (let octets = readSync(fd, page); octets > 0; octets = readSync(fd, page)) {
      const lines = (rest + page.toString("latin1", 0, octets)).split("\n");
      rest = lines.pop() as string;
      for (const line of lines) {
        const { state, owner } = row(line);
        if (owner === inode && state === LISTENING) return true;
        if (state !== LISTENING && state !== HEADING) return false;
      }
    }
    return false;
  } finally {
    closeSync(fd);
  }
}

/** A line of a table of TCP or UDP: the columns `st` and `inode`. */
function row(line: string): { state: string | undefined; owner: string | undefined } {
  const [, , , state, , , , , , owner] = line.trim().split(/ +/);
  return { state, owner };
}

function opened(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch {
    return null;
  }
}

/** A table of the system's sockets; empty where there is none. */
function table(name: string): string {
  try {
    return readFileSync(`/proc/self/net/${name}`, "latin1");
  } catch {
    return "";
  }
}
