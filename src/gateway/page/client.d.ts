// The script as text: it is for browsers, and nothing of it runs here.

declare const text: string;
export default text;
