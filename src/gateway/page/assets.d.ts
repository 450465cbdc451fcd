// Files that the page is put together from, imported as text: nothing of them runs here.

declare module "*.css" {
  const text: string;
  export default text;
}

declare module "*.js" {
  const text: string;
  export default text;
}
