/** The keychain of a device, in memory: Node has none. */

const items = new Map<string, string>();

export async function getItemAsync(name: string): Promise<string | null> {
  return items.get(name) ?? null;
}

export async function setItemAsync(name: string, value: string): Promise<void> {
  items.set(name, value);
}

export async function deleteItemAsync(name: string): Promise<void> {
  items.delete(name);
}
