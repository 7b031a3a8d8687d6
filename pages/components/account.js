// An issuer sends everybody who signs in to the first page: this leads on to where they were before.
const PLACE = "ddcore: where somebody wants to sign in"; // in the storage of this tab

export default function ({ data }) {
  const first = location.href.replace(/\/$/, "") === data.address.replace(/\/$/, "");
  if (!data.signedIn) {
    if (!first) sessionStorage.setItem(PLACE, location.href);
    return;
  }
  const place = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  if (first && place) location.replace(place);
}
