"""A trained SASRec or SSE-PT in one HTML file that runs the model itself, in any browser.

`page` puts a model's weights and a data set's titles into the files of the folder `page/`:
`model.js` is the forward pass, `views.js` what is drawn, `app.js` what happens on a click.
"""
