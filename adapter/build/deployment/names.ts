// A model's name as platforms allow names.

/** Of Kubernetes, Cloud Run, and stacks of CloudFormation. Source: RFC 1123, labels; CloudFormation wants a letter first. */
const MAX_LABEL = 52;

/**
 * Lower-case letters, digits and single hyphens, a letter first.
 * The length leaves room for what platforms and templates write behind it, within 63.
 */
export function toLabel(modelName: string): string {
  const label = modelName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return (/^[a-z]/.test(label) ? label : `model-${label}`).slice(0, MAX_LABEL).replace(/-$/, "");
}
