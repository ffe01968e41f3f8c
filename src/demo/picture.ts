/**
 * The picture in the large mail of the sample: a computed pattern of squares, the same at each call. The format is an
 * uncompressed Windows bitmap: a header of 54 octets, then rows from bottom to top, three octets (blue, green, red) for
 * each pixel.
 */

const WIDTH = 1024;
const HEIGHT = 768;
const HEADER = 54;
const OCTETS_PER_PIXEL = 3;

/** A bitmap of 1024 x 768 pixels, 2,359,350 octets. */
export function picture(): Buffer {
  const size = HEADER + WIDTH * HEIGHT * OCTETS_PER_PIXEL;
  const bitmap = Buffer.alloc(size);
  bitmap.write("BM", "latin1");
  bitmap.writeUInt32LE(size, 2);
  bitmap.writeUInt32LE(HEADER, 10);
  bitmap.writeUInt32LE(40, 14); // the size of the rest of the header
  bitmap.writeInt32LE(WIDTH, 18);
  bitmap.writeInt32LE(HEIGHT, 22);
  bitmap.writeUInt16LE(1, 26); // one plane
  bitmap.writeUInt16LE(8 * OCTETS_PER_PIXEL, 28);
  bitmap.writeUInt32LE(size - HEADER, 34);
  let at = HEADER;
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      bitmap[at++] = x ^ y;
      bitmap[at++] = (x + y) >> 3;
      bitmap[at++] = (x * y) >> 12;
    }
  }
  return bitmap;
}
