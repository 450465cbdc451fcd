// A tar writer that does what it is told, lies included: wrong checksums and sizes, numbers in any encoding, extended
// headers of any bytes, archives that stop anywhere.

const BLOCK = 512;

export interface RawEntry {
  readonly name: string | Uint8Array;
  /** One character; "0", a regular file, unless given. */
  readonly type?: string;
  readonly body?: string | Uint8Array;
  readonly link?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  /** What the header says, whatever the body is. */
  readonly size?: number;
  /** Raw bytes for fields by their offset, put in before the checksum is taken. */
  readonly raw?: Readonly<Record<number, string | Uint8Array>>;
  readonly prefix?: string;
  readonly magic?: "ustar" | "gnu" | "none";
  readonly checksum?: "unsigned" | "signed" | "wrong";
  /** Records of a PAX header before this entry; bytes stand for the whole header's content. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>> | Uint8Array;
  /** GNU long name and long link headers before this entry. */
  readonly longName?: string;
  readonly longLink?: string;
  /** Whether the body is filled up to a whole block; it is unless this is false. */
  readonly padded?: boolean;
}

export interface RawArchive {
  /** Blocks of zeros at the end: two unless given. */
  readonly zeroBlocks?: number;
  /** Bytes after those. */
  readonly trailing?: string | Uint8Array;
}

export function rawTar(entries: readonly RawEntry[], options: RawArchive = {}): Buffer {
  return Buffer.concat([
    ...entries.flatMap(entryBlocks),
    Buffer.alloc((options.zeroBlocks ?? 2) * BLOCK),
    bytesOf(options.trailing ?? ""),
  ]);
}

/** `LENGTH key=value\n`, with a length that counts itself. */
export function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), bytesOf(value), Buffer.from("\n")]);
  let length = rest.length;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A number as GNU writes what octal digits cannot hold; negative ones in two's complement. */
export function base256(value: number | bigint, length: number): Buffer {
  const bits = BigInt(length * 8);
  const marked = BigInt.asUintN(Number(bits), BigInt(value)) | (1n << (bits - 1n));
  return Buffer.from(marked.toString(16).padStart(length * 2, "0"), "hex");
}

function entryBlocks(entry: RawEntry): Buffer[] {
  const blocks: Buffer[] = [];
  if (entry.pax !== undefined) blocks.push(...metaBlocks("x", paxContent(entry.pax)));
  if (entry.longName !== undefined)
    blocks.push(...metaBlocks("L", Buffer.from(`${entry.longName}\0`)));
  if (entry.longLink !== undefined)
    blocks.push(...metaBlocks("K", Buffer.from(`${entry.longLink}\0`)));
  const body = bytesOf(entry.body ?? "");
  blocks.push(header(entry, body.length), entry.padded === false ? body : padded(body));
  return blocks;
}

function metaBlocks(type: string, content: Buffer): Buffer[] {
  return [header({ name: "meta", type }, content.length), padded(content)];
}

function paxContent(pax: NonNullable<RawEntry["pax"]>): Buffer {
  if (pax instanceof Uint8Array) return Buffer.from(pax);
  return Buffer.concat(Object.entries(pax).map(([key, value]) => paxRecord(key, value)));
}

function header(entry: RawEntry, bodyLength: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  bytesOf(entry.name).copy(block, 0, 0, 100);
  octal(block, 100, 8, entry.mode ?? (entry.type === "5" ? 0o755 : 0o644));
  octal(block, 108, 8, entry.uid ?? 0);
  octal(block, 116, 8, entry.gid ?? 0);
  octal(block, 124, 12, entry.size ?? bodyLength);
  octal(block, 136, 12, entry.mtime ?? 0);
  block.write(entry.type ?? "0", 156, "latin1");
  bytesOf(entry.link ?? "").copy(block, 157, 0, 100);
  const magic = { ustar: "ustar\u000000", gnu: "ustar  \0", none: "" }[entry.magic ?? "ustar"];
  block.write(magic, 257, "latin1");
  octal(block, 329, 8, entry.major ?? 0);
  octal(block, 337, 8, entry.minor ?? 0);
  block.write(entry.prefix ?? "", 345, 155, "latin1");
  for (const [offset, bytes] of Object.entries(entry.raw ?? {}))
    bytesOf(bytes).copy(block, Number(offset));
  return withChecksum(block, entry.checksum ?? "unsigned");
}

function withChecksum(block: Buffer, kind: NonNullable<RawEntry["checksum"]>): Buffer {
  block.fill(" ", 148, 156);
  let sum = kind === "wrong" ? 1 : 0;
  for (const byte of block) sum += kind === "signed" && byte > 127 ? byte - 256 : byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function octal(block: Buffer, offset: number, length: number, value: number): void {
  if (value < 0 || value >= 8 ** (length - 1)) base256(value, length).copy(block, offset);
  else block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

function bytesOf(value: string | Uint8Array): Buffer {
  return typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
}
