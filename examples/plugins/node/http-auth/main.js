#!/usr/bin/env node
// The program that the broker starts.
import { serve } from 'moonwire-hook';
import { Plugin, registrations } from './plugin.js';

serve(new Plugin(), registrations);
