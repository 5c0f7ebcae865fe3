# eidetic ioc match: published documents are true of images that are forged for them, and not of images
# that are nearly so. See tests/ioc/run.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
shared=${EIDETIC_SHARED:-../shared}
if ! command -v python3 >/dev/null; then
	echo 'skip documents: there is no python3'
elif [ ! -d "$shared/data/openioc" ]; then
	echo "skip documents: there is no $shared/data/openioc"
else
	tests/ioc/run --build "$build" --shared "$shared" --once >"$work/documents"
	status=$?
	cat "$work/documents"
	claim thirty_documents_are_made_true "$([ "$(grep -c '^ok ' "$work/documents")" -ge 30 ] || echo "$(grep -c '^ok ' "$work/documents")")"
	[ "$status" = 0 ] || failures=1
fi
finish
