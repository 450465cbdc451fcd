// Values of headers that repeat something of the body, which is any text: plain where ASCII can say it, else base64
// between two marks. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding

const OPENING = "=?base64?";
const CLOSING = "?=";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const PLAIN = /^[\t\x20-\x7e]*$/;

/** The text that the value stands for; undefined where it has characters that no such value has. */
export function decodeHeaderValue(unsafeValue: string): string | undefined {
  if (!unsafeValue.startsWith(OPENING) || !unsafeValue.endsWith(CLOSING)) {
    return PLAIN.test(unsafeValue) ? unsafeValue : undefined;
  }
  const encoded = unsafeValue.slice(OPENING.length, -CLOSING.length);
  if (!BASE64.test(encoded)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(encoded, "base64"),
    );
  } catch {
    return undefined;
  }
}
