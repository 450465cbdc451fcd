// Finds a section of an ELF file. Knows 64-bit little-endian files only, as all our targets are.

const MAGIC = "\x7fELF\x02\x01";

/** The part of the file that a section is, as a view of the same bytes. Throws when there is no such section. */
export function elfSection(file: Buffer, name: string): Buffer {
  if (file.toString("latin1", 0, MAGIC.length) !== MAGIC) throw new Error("not an ELF file");
  const headersAt = Number(file.readBigUInt64LE(0x28));
  const headerSize = file.readUInt16LE(0x3a);
  const headers = Array.from({ length: file.readUInt16LE(0x3c) }, (_, index) =>
    file.subarray(headersAt + index * headerSize, headersAt + (index + 1) * headerSize),
  );
  const contentOf = (header: Buffer) => {
    const offset = Number(header.readBigUInt64LE(0x18));
    return file.subarray(offset, offset + Number(header.readBigUInt64LE(0x20)));
  };
  const namesHeader = headers[file.readUInt16LE(0x3e)];
  const names = namesHeader === undefined ? "" : contentOf(namesHeader).toString("latin1");
  for (const header of headers) {
    if (names.startsWith(`${name}\0`, header.readUInt32LE(0))) return contentOf(header);
  }
  throw new Error(`there is no section ${name} in the binary`);
}
