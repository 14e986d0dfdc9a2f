// Bytes as people read them, in powers of 1024, as the gateway's profile page has them.
const UNITS = ["B", "KB", "MB", "GB", "TB"];

function getPower(bytes) {
  const power = Math.floor(Math.log2(Math.max(bytes, 1)) / 10);
  return Math.min(power, UNITS.length - 1);
}

function formatNumber(bytes, power) {
  return (bytes / 1024 ** power).toFixed(1).replace(/\.0$/, "");
}

// "4.1 GB"
export function formatSize(bytes) {
  const power = getPower(bytes);
  return `${formatNumber(bytes, power)} ${UNITS[power]}`;
}

// "4.1 of 20 GB", or "312 MB of 20 GB" where one unit would not do for both
export function formatShare(bytes, total) {
  if (getPower(bytes) === getPower(total)) {
    return `${formatNumber(bytes, getPower(total))} of ${formatSize(total)}`;
  }
  return `${formatSize(bytes)} of ${formatSize(total)}`;
}
