// What the router hands to a page: the parts of its path by name.
export interface PageProps {
  params: Record<string, string>;
}
