// Line icons on a 20 × 20 grid, drawn for Courtyard. Always beside a text; hidden from readers.

const paths = {
  tree: 'M7.5 3.5h5v3h-5zM3 13.5h5v3H3zM12 13.5h5v3h-5zM10 6.5V10m-4.5 3.5V10h9v3.5',
  pilot: 'M5 3.5v13M5 4h10l-2.5 3 2.5 3H5',
  voucher: 'M3.5 6h13v2.5a1.5 1.5 0 0 0 0 3V14h-13v-2.5a1.5 1.5 0 0 0 0-3zM12 6v8',
  gauge: 'M3.5 14.5a6.5 6.5 0 1 1 13 0M10 14.5l3-5',
  home: 'M3 9.5 10 4l7 5.5M5 8.5V16h10V8.5M8.5 16v-4h3v4',
  import: 'M10 3v9m0 0 3.5-3.5M10 12 6.5 8.5M3.5 13v3.5h13V13',
  dataset: 'M3.5 4.5h13v11h-13zM3.5 8.5h13M8 8.5v7M3.5 12h13',
  release: 'M4 5.5 10 3l6 2.5v5c0 3.5-2.5 5.5-6 6.5-3.5-1-6-3-6-6.5zM7.5 10l2 2 3.5-4',
  chat: 'M3.5 4.5h13v9H9L5.5 16.5v-3h-2zM7 8h6M7 10.5h4',
  train: 'M3.5 16.5h13M5 14V9M9 14V5M13 14v-3.5M16 6l-3-2.5',
  model: 'M10 3.5v4m0 0H5.5v3m4.5-3h4.5v3M3.5 10.5h4v4h-4zM12.5 10.5h4v4h-4zM8 3.5h4',
  language: 'M4 4.5c2.5 0 4.5.5 6 2 1.5-1.5 3.5-2 6-2v10c-2.5 0-4.5.5-6 2-1.5-1.5-3.5-2-6-2zM10 6.5v10',
  job: 'M10 3.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM10 6.5V10l2.5 1.5',
  people:
    'M7.5 9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 16c0-3 2-4.5 4.5-4.5S12 13 12 16M13 8.5a2 2 0 1 0-.5-4M14 11.5c2 .3 3 1.8 3 4.5',
  audit: 'M5 3.5h7l3 3v10H5zM12 3.5v3h3M7.5 10h5M7.5 13h5',
  system: 'M4 4.5h12v7H4zM7 15.5h6M10 11.5v4',
  person: 'M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4.5 16.5c.5-3 2.5-4.5 5.5-4.5s5 1.5 5.5 4.5',
  plus: 'M10 4v12M4 10h12',
  calendar: 'M3.5 5h13v11.5h-13zM3.5 8.5h13M7 3v3.5M13 3v3.5M7 12h2',
  check: 'M4.5 10.5 8.5 14.5 15.5 6',
  close: 'M5 5l10 10M15 5 5 15',
  warn: 'M10 3.5 17.5 16h-15zM10 8.5v3.5M10 13.7v.3',
  info: 'M10 3.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM10 9.5v4M10 6.7V7',
  arrow: 'M4 10h12m0 0-4-4m4 4-4 4',
  eye: 'M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  download: 'M10 3v9m0 0 3.5-3.5M10 12 6.5 8.5M4 16.5h12',
  print: 'M6 7V3.5h8V7M4 7h12v6H4zM6.5 11h7v5.5h-7z',
  bin: 'M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.5M11.5 9v4.5',
  copy: 'M7 7V4h9v9h-3M4 7h9v9H4z',
  out: 'M8 4H4v12h4M8 10h8m0 0-3-3m3 3-3 3',
  menu: 'M3.5 5.5h13M3.5 10h13M3.5 14.5h13',
  stop: 'M5.5 5.5h9v9h-9z',
  pause: 'M7 5v10M13 5v10',
  play: 'M6.5 4.5v11l9-5.5z',
  lock: 'M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9',
  undo: 'M4 8h8a4 4 0 0 1 0 8H7M4 8l3.5-3.5M4 8l3.5 3.5',
  redo: 'M16 8H8a4 4 0 0 0 0 8h5M16 8l-3.5-3.5M16 8l-3.5 3.5',
  up: 'M10 15.5v-11m0 0L5.5 9M10 4.5 14.5 9',
  down: 'M10 4.5v11m0 0 4.5-4.5M10 15.5 5.5 11',
  share:
    'M7 10l6-3.5M7 10l6 3.5M5.5 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM14.5 7.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM14.5 16.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path
        d={paths[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

// The house from above: hall in the north, two wings, a wall with the gate in the south-east,
// and the yard in the middle.
export function Logo({ size = 36 }: { size?: number }) {
  return (
    <svg class="logo" viewBox="0 0 48 48" width={size} height={size} aria-hidden="true">
      <path class="logo-roof" d="M5 14 10 6h28l5 8z" />
      <path class="logo-ridge" d="M9.5 10h29" />
      <path class="logo-wing" d="M5 17h8v17H5zM35 17h8v17h-8z" />
      <path class="logo-ridge" d="M9 19v13M39 19v13" />
      <path class="logo-roof" d="M5 37h22v5H5zM37 37h6v5h-6z" />
      <path class="logo-gate" d="M28.5 35h7v7h-7z" />
      <rect class="logo-yard" x="17" y="18.5" width="14" height="13" rx="1.5" />
      <path class="logo-tree" d="M24 22v6M21 25h6" />
    </svg>
  );
}
