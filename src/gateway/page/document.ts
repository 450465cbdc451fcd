// The page as one document: its parts put together, and the policy that lets it load nothing else.

import call from "./browser/call.js" with { type: "text" };
import connect from "./browser/connect.js" with { type: "text" };
import dom from "./browser/dom.js" with { type: "text" };
import form from "./browser/form.js" with { type: "text" };
import main from "./browser/main.js" with { type: "text" };
import server from "./browser/server.js" with { type: "text" };
import start from "./browser/start.js" with { type: "text" };
import body from "./page.html" with { type: "text" };
import css from "./page.css" with { type: "text" };

export interface PageDocument {
  readonly html: string;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Text, whatever bun-types says of files of that name. */
const BODY = String(body);
/** Each after those that it imports from. */
const SCRIPTS = [dom, call, form, connect, start, server, main];

/** Puts it together. */
export function createDocument(): PageDocument {
  const script = joined(SCRIPTS);
  const style = bare(css);
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>MCP server</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${bare(BODY)}
<script type="module">${script}</script>
</body>
</html>
`;
  return {
    html,
    gzipped: Bun.gzipSync(html),
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policyFor(script, style),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
      vary: "Accept-Encoding, Origin",
    },
  };
}

// One module out of many: in one scope no part needs to import, and no name may be there twice.
function joined(scripts: readonly string[]): string {
  const parts = scripts.map((script) =>
    script
      .replace(/^import [^;]*;\n/gm, "")
      .replace(/^export /gm, "")
      .replace(/^ *(?:\/\/.*|\/\*\*.*\*\/)\n/gm, ""),
  );
  return bare(parts.join(""));
}

// Indentation is for those who read the source.
function bare(text: string): string {
  return text.replace(/^\s+/gm, "");
}

function policyFor(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    // The icon that is none, and images that a tool returns.
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors https://huggingface.co https://*.hf.space",
    // Text cannot become markup, whatever the script does.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

function hashOf(text: string): string {
  return `sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}`;
}
