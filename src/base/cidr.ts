/** Networks in CIDR notation (RFC 4632; RFC 4291, 2.3), and whether an address is inside one. */

import { IPv4, IPv6 } from "ipaddr.js";
import { isAddress, plainAddress, unmapped } from "./address";

/** A network. */
export interface Cidr {
  /** An address inside it; never an IPv4-mapped one. */
  readonly address: string;
  /** How many of its leading bits all addresses of the network have. */
  readonly bits: number;
}

/** The bits of the prefix ::ffff:0:0/96 of IPv4-mapped addresses. */
const MAPPED = 96;

/** `address/length`, or an address, which is a network of its own; null if the text is neither. */
export function parseCidr(text: string): Cidr | null {
  const [, address = "", digits] = /^([^/%]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  if (!isAddress(address)) return null;
  const most = sizeOf(address);
  const bits = digits === undefined ? most : Number(digits);
  if (bits > most) return null;
  const plain = unmapped(address);
  if (sizeOf(plain) === most) return { address: plain, bits };
  return bits < MAPPED ? null : { address: plain, bits: bits - MAPPED };
}

/** As it is written. */
export function showCidr({ address, bits }: Cidr): string {
  return bits === sizeOf(address) ? address : `${address}/${bits}`;
}

/** Whether an address, as a socket has it, is inside one of these networks. */
export function isWithin(address: string, blocks: readonly Cidr[]): boolean {
  if (blocks.length === 0 || address === "") return false;
  const plain = plainAddress(address.split("%", 1)[0]);
  if (!isAddress(plain)) return false;
  return blocks.some((block) => {
    if (sizeOf(block.address) !== sizeOf(plain)) return false;
    if (sizeOf(plain) === 32) return IPv4.parse(plain).match(IPv4.parse(block.address), block.bits);
    return IPv6.parse(plain).match(IPv6.parse(block.address), block.bits);
  });
}

/** How many bits an address has. */
function sizeOf(address: string): number {
  return address.includes(":") ? 128 : 32;
}
