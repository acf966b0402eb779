// Light or dark: what the page says of itself, or else the reader's system; toggles are followed.

function themeOfPage() {
  for (const element of [document.body, document.documentElement]) {
    if (!element) continue;
    const { jpThemeLight, mdColorScheme, theme, bsTheme } = element.dataset;
    // JupyterLab and Notebook
    if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
    // VS Code; "vscode-high-contrast-light" comes with "vscode-high-contrast" on some versions
    const kind = [...element.classList].filter((name) => name.startsWith("vscode-")).join(" ");
    if (/light/.test(kind)) return "light";
    if (/dark|high-contrast/.test(kind)) return "dark";
    // Material for MkDocs
    if (mdColorScheme) return mdColorScheme === "slate" ? "dark" : "light";
    // Sphinx (furo, pydata), Bootstrap, Colab; "auto" leaves it to the system
    const named = theme || bsTheme || element.getAttribute("theme");
    if (named === "light" || named === "dark") return named;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function followTheme(player) {
  const follow = () => { player.dataset.theme = themeOfPage(); };
  const observer = new MutationObserver(follow);
  for (const element of [document.body, document.documentElement]) {
    if (element) observer.observe(element, { attributes: true });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
  follow();
}
