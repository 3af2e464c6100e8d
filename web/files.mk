# What the page is made of; lists for Makefile.am.
web_sources = \
	web/.npmrc \
	web/README.md \
	web/build.mjs \
	web/package-lock.json \
	web/package.json \
	web/src/api.js \
	web/src/ask.js \
	web/src/canvas.js \
	web/src/charts.css \
	web/src/charts.js \
	web/src/dom.js \
	web/src/events.js \
	web/src/favicon.svg \
	web/src/footer.js \
	web/src/format.js \
	web/src/frame.css \
	web/src/grid.js \
	web/src/index.html \
	web/src/machine.js \
	web/src/machine_data.js \
	web/src/main.js \
	web/src/panels.js \
	web/src/poll.js \
	web/src/proof.js \
	web/src/quality.js \
	web/src/quality_data.js \
	web/src/quarantine.js \
	web/src/quarantine_data.js \
	web/src/sentence.js \
	web/src/service_data.js \
	web/src/span.js \
	web/src/stations.js \
	web/src/storage.js \
	web/src/strand.js \
	web/src/style.css \
	web/src/tables.css \
	web/src/tables.js \
	web/src/targets.js \
	web/src/theme.js \
	web/src/tokens.css \
	web/src/way.css \
	web/src/way.js

web_built = \
	web/dist/app.css \
	web/dist/app.js \
	web/dist/favicon.svg \
	web/dist/index.html
