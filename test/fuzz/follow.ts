/** Keeps what a peer hears in the journal. */

import type { Peer } from "../stage/peer";
import type { Journal, Who } from "./journal";

/** From now on, on the connection as it is; what was heard on it before is kept at once. */
export function follow(peer: Peer, journal: Journal, who: Who): void {
  const stream = peer.tls ?? peer.socket;
  const hear = (octets: string) => {
    if (octets !== "") journal.add(who, "heard", octets);
  };
  hear(peer.heard);
  if (peer.ended) journal.add(who, "ended");
  stream.on("data", (chunk: Buffer) => hear(chunk.toString("latin1")));
  const end = () => {
    if ((peer.tls ?? peer.socket) === stream && !journal.has(who, "ended")) journal.add(who, "ended");
  };
  stream.on("end", end);
  stream.on("close", end);
}
