/** Where the content of a bundle's file comes from: a file of the project, or a text that was made of one. */
export type BundleSource = string | { readonly text: string };
