const icon = (path: React.ReactNode) => () => (
  <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">{path}</svg>
)

export const Play = icon(<path d="M4.5 2.8v10.4l8.5-5.2z" fill="currentColor" />)
export const Stop = icon(<rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor" />)
export const Undo = icon(<path d="M5.5 3 2.5 6l3 3M3 6h6a4 4 0 0 1 0 8H6.5" />)
export const Redo = icon(<path d="m10.5 3 3 3-3 3M13 6H7a4 4 0 0 0 0 8h2.5" />)
export const Plus = icon(<path d="M8 3v10M3 8h10" />)
export const Eye = icon(<><path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z" /><circle cx="8" cy="8" r="2" /></>)
export const List = icon(<path d="M2.5 4h11M2.5 8h11M2.5 12h7" />)
export const Tidy = icon(<><rect x="2" y="2.5" width="4" height="4" rx="1" /><rect x="2" y="9.5" width="4" height="4" rx="1" /><rect x="10" y="6" width="4" height="4" rx="1" /><path d="M6 4.5h2v7H6M8 8h2" /></>)
export const Sun = icon(<><circle cx="8" cy="8" r="2.8" /><path d="M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1" /></>)
export const Help = icon(<><circle cx="8" cy="8" r="6.2" /><path d="M6.2 6.2a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.2M8 11.4h0" /></>)
export const Folder = icon(<path d="M2 4.2c0-.7.5-1.2 1.2-1.2h3l1.5 1.6h5.1c.7 0 1.2.5 1.2 1.2v5.8c0 .7-.5 1.2-1.2 1.2H3.2c-.7 0-1.2-.5-1.2-1.2z" />)
