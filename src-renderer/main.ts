import { mount } from 'svelte'
import App from './App.svelte'
import './app.css'
import { createClient } from './client.ts'
import { forgetKept } from './lib/kept.ts'
import { Messenger } from './state/messenger.svelte.ts'

// Where drafts were kept before the messenger did: in the clear.
forgetKept('draft.')

const messenger = new Messenger(createClient())
const target = document.querySelector('#app')
if (target === null) throw new TypeError('index.html has no #app')
mount(App, { target, props: { messenger } })
