// Files that the page is put together from, imported as text.

declare module "*.css" {
  const text: string;
  export default text;
}
