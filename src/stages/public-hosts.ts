// The names under which a platform lets the public reach what it runs, where it tells them. Pure.

/** A variable that holds the name, or what the name begins with. */
const VARIABLES: Readonly<Record<string, string>> = {
  // https://huggingface.co/docs/hub/spaces-overview#helper-environment-variables
  SPACE_HOST: "",
  // https://render.com/docs/environment-variables
  RENDER_EXTERNAL_HOSTNAME: "",
  // https://docs.railway.com/reference/variables
  RAILWAY_PUBLIC_DOMAIN: "",
  // https://learn.microsoft.com/azure/app-service/reference-app-settings
  WEBSITE_HOSTNAME: "",
  // https://fly.io/docs/machines/runtime-environment/
  FLY_APP_NAME: ".fly.dev",
};

/** Reads them; a value that is no host name is none. */
export function publicHostsOf(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return Object.entries(VARIABLES).flatMap(([variable, suffix]) => {
    const name = environment[variable] ?? "";
    return /^[\w.-]+$/.test(name) ? [`${name}${suffix}`] : [];
  });
}
